// A stored calibration: who made it and when, and what it holds.

import { CalibrationFacts } from "../shared/calibration.js";
import { fill, freshId, h } from "../shared/dom.js";
import type { StoredCalibrationWire } from "../shared/generated/calibration.js";
import { shortTime } from "../shared/time.js";
import { widget } from "../shared/view.js";
import "./style.css";
import { trans } from "../shared/translation.js";

export default widget<StoredCalibrationWire>("calibration", (view) => {
  const title = freshId("calibration");
  const heading = h("h3", { id: title }, trans("Calibration"));
  const made = h("p", { class: "pplab-quiet" });
  const facts = new CalibrationFacts(view.get("axes"));
  const panel = h("section", { class: "pplab-panel pplab-stored", "aria-labelledby": title }, heading, made);
  panel.append(facts.element);
  view.frame.body.append(panel);
  view.watch(["made"], ({ made: { user, at, id } }) => fill(made, trans("by %1, %2, %3", user, shortTime(at), id)));
  view.watch(["preview"], ({ preview }) => facts.draw(preview));
});
