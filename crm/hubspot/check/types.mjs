// Checks the card against the types that @hubspot/ui-extensions publishes: every component, every
// property and value of it, every hook. No account, no network.
//
//     node types.mjs PROJECT
import { join, resolve } from 'node:path';
import ts from 'typescript';

const [project] = process.argv.slice(2);
const cards = resolve(project, 'src/app/cards');
const { config } = ts.readConfigFile(join(cards, 'tsconfig.json'), ts.sys.readFile);
const parsed = ts.parseJsonConfigFileContent(config, ts.sys, cards);
const here = join(import.meta.dirname, 'node_modules');
// The card's own packages are those of this folder: nothing is installed beside the source.
const host = ts.createCompilerHost(parsed.options);
host.resolveModuleNameLiterals = (names, file, redirected, options, source) =>
  names.map((name) => {
    const from = file.startsWith(cards) && !name.text.startsWith('.') ? join(here, '..', 'card.ts') : file;
    const mode = ts.getModeForUsageLocation(source, name, options);
    return ts.resolveModuleName(name.text, from, options, host, undefined, redirected, mode);
  });
const program = ts.createProgram(parsed.fileNames, { ...parsed.options, typeRoots: [join(here, '@types')], types: [] }, host);
const found = [...parsed.errors, ...ts.getPreEmitDiagnostics(program)];
const format = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => project, getNewLine: () => '\n' };
process.stdout.write(ts.formatDiagnostics(found, format));
console.log(`${parsed.fileNames.length} files, ${found.length} problems`);
process.exit(found.length ? 1 : 0);
