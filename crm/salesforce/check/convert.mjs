// Converts the source in crm/salesforce to the Metadata API's form, as `sf project convert source`
// does, and prints what it found, one component a line. No org, no login, no network.
//
//     node convert.mjs PROJECT OUT
//
// This proves the form alone: that every file is of a known type, in its place, with its partner
// (a class and its -meta.xml), and that children of an object can be put together. It does not look
// at whether a field, a column or a formula exists: a deployment to an org does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

process.env.SF_DISABLE_LOG_FILE = 'true';
process.env.SF_DISABLE_TELEMETRY = 'true';
const { default: sdr } = await import('@salesforce/source-deploy-retrieve');
const { ComponentSet, MetadataConverter } = sdr;

const [project, out] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(join(project, 'sfdx-project.json'), 'utf8'));
const { packageDirectories, sourceApiVersion } = settings;
const paths = packageDirectories.map(({ path }) => join(project, path));
const components = ComponentSet.fromSource({ fsPaths: paths });
components.sourceApiVersion = sourceApiVersion;
components.apiVersion = sourceApiVersion;
const found = [...components.getSourceComponents()];
await new MetadataConverter().convert(components, 'metadata', {
  type: 'directory', outputDirectory: out, genUniqueDir: false,
});
for (const name of found.map((one) => `${one.type.name}:${one.fullName}`).sort()) console.log(name);
