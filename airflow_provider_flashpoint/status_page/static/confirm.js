// A dialog that says what an action will do. Airflow's frame allows no window.confirm.

import { element } from "./dom.js";

/** Return whether a person agrees to a sentence. */
export function confirmed(sentence) {
  return new Promise((resolve) => {
    const dialog = element("dialog", { "aria-label": "Confirm" },
      element("p", {}, sentence),
      element("p", { class: "actions" },
        element("button", { type: "button", autofocus: true, onclick: () => dialog.close("") }, "Cancel"),
        element("button", { type: "button", class: "sure", onclick: () => dialog.close("yes") }, "Do it")));
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
