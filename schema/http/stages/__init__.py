"""The stages of a GraphQL request; none imports the endpoint or a transport."""
