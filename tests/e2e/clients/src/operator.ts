import { graphql } from "relay-runtime";

export const query = graphql`
  query operatorQuery($slug: String!) {
    dno(slug: $slug) {
      id
      name
    }
  }
`;

export const again = graphql`
  query operatorAgainQuery($id: ID!) {
    node(id: $id) {
      id
      ... on Dno {
        city
        tariffs(year: 2026) {
          leistung
        }
      }
    }
  }
`;
