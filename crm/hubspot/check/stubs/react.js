// React as modules: its own package has them for bundlers alone.
const { React } = globalThis;
export const { useCallback, useEffect, useState, Fragment } = React;
export const jsx = (type, props, key) =>
  React.createElement(type, key === undefined ? props : { ...props, key });
export const jsxs = jsx;
