// The first one is what the page opens with.

import tariffs from "./examples/01-tariffs.graphql";
import operators from "./examples/02-operators.graphql";
import search from "./examples/03-search.graphql";
import question from "./examples/04-question.graphql";
import annualCost from "./examples/05-annual-cost.graphql";
import ranking from "./examples/06-ranking.graphql";
import coverage from "./examples/07-coverage.graphql";
import changes from "./examples/08-changes.graphql";
import bill from "./examples/09-bill.graphql";
import priceSheet from "./examples/10-price-sheet.graphql";
import whoseGrid from "./examples/11-whose-grid.graphql";

export default [tariffs, operators, search, question, annualCost, ranking, coverage, changes, bill, priceSheet, whoseGrid];
