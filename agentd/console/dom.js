// Elements without markup: what a user, an agent or a function says is text, and never becomes HTML.

const SVG = "http://www.w3.org/2000/svg";
const updates = new WeakMap();

/** An HTML element. `on…` are listeners, `true` and `false` switch an attribute, strings among the children are text. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Set or remove an attribute, only when it differs: assistive technology hears of every change. */
export function set(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Set the text, only when it differs. */
export function setText(element, text) {
  const wanted = text ?? "";
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/**
 * Make the children of `parent` those of `items`, in order, keeping the element of each key.
 * `make(item)` returns `[element, update]`; `update(item)` runs for new and kept ones.
 */
export function keyed(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      const [made, update] = make(item);
      element = made;
      element.dataset.key = key;
      updates.set(element, update);
    }
    updates.get(element)(item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const gone of old.values()) gone.remove();
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
