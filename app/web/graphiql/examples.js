// The first one is what the page opens with.

import operator from "./examples/01-operator.graphql";
import timeOfUse from "./examples/02-time-of-use.graphql";
import bill from "./examples/03-bill.graphql";
import signIn from "./examples/04-sign-in.graphql";
import correction from "./examples/05-correction.graphql";
import correctionVariables from "./examples/05-correction.json";
import operators from "./examples/06-operators.graphql";
import search from "./examples/07-search.graphql";
import question from "./examples/08-question.graphql";
import annualCost from "./examples/09-annual-cost.graphql";
import ranking from "./examples/10-ranking.graphql";
import coverage from "./examples/11-coverage.graphql";
import changes from "./examples/12-changes.graphql";
import priceSheet from "./examples/13-price-sheet.graphql";
import whoseGrid from "./examples/14-whose-grid.graphql";

// The editor makes links of whole addresses only.
const linked = (query) => query.replace("/work/sign-in", `${location.origin}/work/sign-in`);

const plain = (query) => ({ query });

export default [
  ...[operator, timeOfUse, bill].map(plain),
  { query: linked(signIn) },
  { query: linked(correction), variables: JSON.stringify(correctionVariables, null, 2) },
  ...[operators, search, question, annualCost, ranking, coverage, changes, priceSheet, whoseGrid].map(plain),
];
