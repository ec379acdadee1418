// Compiles the card with TypeScript and writes a page that shows it in a browser, on stand-ins for
// what HubSpot gives it (stubs/). No account, no network.
//
//     node page.mjs PROJECT OUT
//
// The card is the real one; the look of tables, tags and buttons is not HubSpot's.
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const [project, out] = process.argv.slice(2);
const here = import.meta.dirname;
const cards = join(project, 'src/app/cards');
mkdirSync(out, { recursive: true });

const compilerOptions = {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.ReactJSX,
};
for (const file of readdirSync(cards).filter((name) => /\.tsx?$/.test(name))) {
  const source = readFileSync(join(cards, file), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName: file });
  // A browser finds a module by the name of the file that was written.
  const code = outputText.replace(/(from\s+['"]\.\/[^'"]+)\.tsx?(['"])/g, '$1.js$2');
  writeFileSync(join(out, file.replace(/\.tsx?$/, '.js')), code);
}
for (const name of readdirSync(join(here, 'stubs'))) cpSync(join(here, 'stubs', name), join(out, name));
cpSync(join(here, 'node_modules/react/umd/react.production.min.js'), join(out, 'react.umd.js'));
cpSync(join(here, 'node_modules/react-dom/umd/react-dom.production.min.js'), join(out, 'react-dom.umd.js'));

const imports = {
  react: './react.js', 'react/jsx-runtime': './react.js',
  '@hubspot/ui-extensions': './ui-extensions.js', '@hubspot/ui-extensions/crm': './ui-extensions.js',
};
writeFileSync(join(out, 'index.html'), `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Phone hygiene on a stand-in page</title><link rel="stylesheet" href="./page.css">
<script src="./react.umd.js"></script><script src="./react-dom.umd.js"></script>
<script type="importmap">${JSON.stringify({ imports })}</script></head>
<body><p class="note">The card on a stand-in page: not HubSpot's own look.</p>
<main><h1>Phone hygiene</h1><div id="card"></div></main>
<script type="module">import './PhoneHygieneCard.js';</script></body></html>
`);
