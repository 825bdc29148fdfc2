// The audits of graphql-http against a running server: node audit.mjs URL FOLDER-WITH-NODE_MODULES
import { createRequire } from 'node:module';

const [url, folder] = process.argv.slice(2);
const { auditServer } = createRequire(`${folder}/`)('graphql-http');

const results = await auditServer({ url });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
