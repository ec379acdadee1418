// Reads projects such as crm/hubspot with HubSpot's own parser (@hubspot/project-parsing-lib, which
// `hs project validate` and `hs project upload` use too), puts a profile's variables in, and prints
// what it found, one part a line. No account, no login, no network.
//
//     node validate.mjs PROJECT OUT [PROJECT OUT]...
//
// What is wrong with a project is a line on standard error that begins with its path, and makes exit
// code 1; the next project is read all the same.
//
// The parser checks that each part has a uid, a known type and the right folder, that no part is
// there twice, and that every variable has a value. The schemas that it would fetch from HubSpot are
// those of schemas.mjs, written from the documents. Whether HubSpot takes the project, an upload tells.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from '@hubspot/local-dev-lib/http';
import { parseProjectConfig, isKnownPlatformVersion } from '@hubspot/project-parsing-lib/projects';
import { validateProfileVariables } from '@hubspot/project-parsing-lib/profiles';
import { translate } from '@hubspot/project-parsing-lib/translate';
import { schemas } from './schemas.mjs';

async function validate(project, out) {
  cpSync(project, out, { recursive: true, filter: (path) => !path.includes('node_modules') });
  const profile = JSON.parse(readFileSync(join(out, 'hsprofile.example.json'), 'utf8'));
  const { success, errors } = validateProfileVariables(profile.variables, 'hsprofile.example.json');
  const config = parseProjectConfig(out);
  if (!success || !isKnownPlatformVersion(config.platformVersion)) {
    throw new Error(errors.join('; ') || `unknown platform version ${config.platformVersion}`);
  }
  writeFileSync(join(out, config.srcDir, 'hsprofile.check.json'), JSON.stringify(profile));

  const asked = [];
  http.get = async (accountId, { url }) => {
    asked.push(url);
    return { data: schemas };
  };
  const { intermediateRepresentation, skippedHsMetaFiles } = await translate(
    { projectSourceDir: join(out, config.srcDir), platformVersion: config.platformVersion, accountId: profile.accountId },
    { profile: 'check', skipValidation: false },
  );
  if (asked.length !== 1 || skippedHsMetaFiles.length) {
    throw new Error(`skipped: ${skippedHsMetaFiles.join(', ')}; schemas asked for: ${asked.join(', ')}`);
  }
  const parts = Object.values(intermediateRepresentation.intermediateNodesIndexedByUid);
  for (const name of parts.map((one) => `${one.componentType}:${one.uid}`).sort()) console.log(name);
  writeFileSync(join(out, 'project.json'), JSON.stringify(parts, null, 2));
}

const paths = process.argv.slice(2);
for (let at = 0; at < paths.length; at += 2) {
  try {
    await validate(paths[at], paths[at + 1]);
  } catch (error) {
    console.error(`${paths[at]}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
    process.exitCode = 1;
  }
}
