// The messages before an answer, where the prompt is a conversation: the last ones open, earlier and long ones folded away.

import { h } from "../shared/dom.js";
import { number } from "../shared/format.js";
import type { CardData, TurnData } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";

/** The last messages that stand open, where there is more than one more. */
const OPEN = 2;
/** Characters of a message that stand open. */
const CAP = 400;

/** Return the messages as plain text, whoever wrote them. */
export function conversation({ turns, turns_before }: Pick<CardData, "turns" | "turns_before">): HTMLElement {
  const folded = turns.length > OPEN + 1 ? turns.length - OPEN : 0;
  const earlier = h(
    "details",
    {},
    h("summary", {}, trans("%1 earlier messages", number(folded + turns_before))),
    turns_before > 0 &&
      h("p", { class: "pplab-quiet" }, trans("%1 earlier messages are in the plan.", number(turns_before))),
    ...turns.slice(0, folded).map(message),
  );
  const recent = turns.slice(folded).map(message);
  return h("div", { "data-pplab": "conversation", class: "pplab-conversation" }, folded > 0 && earlier, ...recent);
}

function message({ role, text, left }: TurnData): HTMLElement {
  const rest = text.slice(CAP);
  const more = h(
    "details",
    {},
    h("summary", {}, trans("show more (%1 characters)", number(rest.length + left))),
    h("div", { class: "pplab-turn-text" }, rest),
    left > 0 && h("p", {}, h("em", {}, trans("%1 more characters are in the plan.", number(left)))),
  );
  const open = h("div", { class: "pplab-turn-text", dir: "auto" }, text.slice(0, CAP));
  return h("div", { "data-pplab": "turn", class: "pplab-turn" }, h("small", {}, role), open, rest !== "" && more);
}
