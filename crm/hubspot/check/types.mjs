// Checks cards against the types that @hubspot/ui-extensions publishes: every component, every
// property and value of it, every hook. No account, no network. One line for each project; exit code
// 1 if there is a problem in any.
//
//     node types.mjs PROJECT...
import { join, resolve } from 'node:path';
import ts from 'typescript';

const here = join(import.meta.dirname, 'node_modules');
const libraries = new Map(); // what every project imports is parsed once

function check(project) {
  const cards = resolve(project, 'src/app/cards');
  const { config } = ts.readConfigFile(join(cards, 'tsconfig.json'), ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, cards);
  // The card's own packages are those of this folder: nothing is installed beside the source.
  const host = ts.createCompilerHost(parsed.options);
  host.resolveModuleNameLiterals = (names, file, redirected, options, source) =>
    names.map((name) => {
      const from = file.startsWith(cards) && !name.text.startsWith('.') ? join(here, '..', 'card.ts') : file;
      const mode = ts.getModeForUsageLocation(source, name, options);
      return ts.resolveModuleName(name.text, from, options, host, undefined, redirected, mode);
    });
  const parse = host.getSourceFile;
  host.getSourceFile = (file, ...options) => {
    if (file.startsWith(cards)) return parse(file, ...options);
    if (!libraries.has(file)) libraries.set(file, parse(file, ...options));
    return libraries.get(file);
  };
  const options = { ...parsed.options, typeRoots: [join(here, '@types')], types: [] };
  const program = ts.createProgram(parsed.fileNames, options, host);
  const found = [...parsed.errors, ...ts.getPreEmitDiagnostics(program)];
  const format = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => project, getNewLine: () => '\n' };
  process.stdout.write(ts.formatDiagnostics(found, format));
  console.log(`${project}: ${parsed.fileNames.length} files, ${found.length} problems`);
  return found.length;
}

const problems = process.argv.slice(2).map(check);
process.exitCode = problems.some(Boolean) ? 1 : 0;
