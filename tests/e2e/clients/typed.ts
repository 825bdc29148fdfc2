// Code with the generated types; tsc accepts it only if scalars are strings.
import { graphql } from "./gql";

const document = graphql(`
  query Typed($slug: String!, $at: DateTime!) {
    dno(slug: $slug) {
      updatedAt
      tariffs(year: 2026) {
        leistung
      }
      timeOfUsePrice(at: $at) {
        price
      }
    }
  }
`);

type Result = NonNullable<ReturnType<NonNullable<(typeof document)["__apiType"]>>>;
type Dno = NonNullable<Result["dno"]>;

export const moment = (dno: Dno): string => dno.updatedAt;
export const decimal = (dno: Dno): string => dno.tariffs[0]?.leistung ?? "";
// @ts-expect-error a Decimal is no number
export const number = (dno: Dno): number => dno.tariffs[0].leistung;
