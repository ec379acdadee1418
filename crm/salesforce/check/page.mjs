// Compiles the component phoneHygiene with Salesforce's own LWC compiler, and writes a page that
// shows it in a browser, on stand-ins for what Lightning gives it (stubs/). No org, no network.
//
//     node page.mjs PROJECT OUT
//
// The component is the real one; the look of card, button and icons is not Salesforce's.
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@lwc/compiler';

const here = dirname(fileURLToPath(import.meta.url));
const [project, out] = process.argv.slice(2);
const COMPILED = /\.(js|html|css)$/;

// A browser resolves no specifier without its ending.
const withEndings = (code) => code.replace(/(from\s+['"])(\.\/[^'"?]+?)(\.js)?(\?[^'"]*)?(['"])/g, '$1$2.js$5');

function compile(source, namespace, name) {
  const target = join(out, namespace, name);
  mkdirSync(target, { recursive: true });
  for (const file of readdirSync(source).filter((one) => COMPILED.test(one))) {
    const path = join(source, file);
    const { code } = transformSync(readFileSync(path, 'utf8'), path, { name, namespace });
    writeFileSync(join(target, file.endsWith('.js') ? file : `${file}.js`), withEndings(code));
  }
  for (const style of [`${name}.css.js`, `${name}.scoped.css.js`]) {
    if (!existsSync(join(target, style))) writeFileSync(join(target, style), 'export default undefined;');
  }
}

compile(join(project, 'force-app/main/default/lwc/phoneHygiene'), 'c', 'phoneHygiene');
const stubs = readdirSync(join(here, 'stubs/lightning'));
for (const name of stubs) compile(join(here, 'stubs/lightning', name), 'lightning', name);
cpSync(join(here, 'stubs/platform.js'), join(out, 'platform.js'));
cpSync(join(here, 'node_modules/@lwc/engine-dom/dist/index.js'), join(out, 'engine.js'));

const imports = { lwc: './engine.js', 'c/phoneHygiene': './c/phoneHygiene/phoneHygiene.js' };
for (const name of stubs) imports[`lightning/${name}`] = `./lightning/${name}/${name}.js`;
for (const name of ['lightning/uiRecordApi', 'lightning/uiObjectInfoApi',
  'lightning/platformShowToastEvent', '@salesforce/apex/PhoneHygieneHistory.changes']) {
  imports[name] = './platform.js';
}
writeFileSync(join(out, 'index.html'), `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>phoneHygiene on stand-ins</title>
<style>
  body { background: #f3f3f3; font: 0.8125rem/1.5 system-ui, sans-serif; color: #181818; margin: 1rem; }
  main { max-width: 40rem; }
  .slds-text-color_error { color: #ba0517; }
</style>
<script>window.process = { env: { NODE_ENV: 'production' } };</script>
<script type="importmap">${JSON.stringify({ imports })}</script></head>
<body><p>The component on a stand-in page: not Salesforce's own look.</p><main></main>
<script type="module">
  import { createElement } from 'lwc';
  import PhoneHygiene from 'c/phoneHygiene';
  window.toasts = [];
  addEventListener('lightning__showtoast', (event) => window.toasts.push(event.detail));
  const element = createElement('c-phone-hygiene', { is: PhoneHygiene });
  Object.assign(element, window.org.page);
  document.querySelector('main').append(element);
  document.body.dataset.ready = 'yes';
</script></body></html>
`);
