// Response cards: they appear one by one while a run is under way, and in pages when it has ended.

import "./style.css";
import { button, fill, h, sanitisedHtml } from "../shared/dom.js";
import type { CardsWire, Dropped, PageRequest } from "../shared/generated/cards.js";
import { trans } from "../shared/translation.js";
import { type View, widget } from "../shared/view.js";
import { CardList } from "./list.js";
import { Pager } from "./pager.js";
import { Progress } from "./progress.js";
import { Standing } from "./standing.js";
import { Toolbar } from "./toolbar.js";

class Cards {
  readonly #view: View<CardsWire>;
  readonly #head = h("div");
  readonly #code = h("div", { class: "pplab-actions" });
  readonly #progress = new Progress();
  readonly #standing = new Standing();
  readonly #toolbar: Toolbar;
  readonly #list: CardList;
  readonly #pager: Pager;

  constructor(view: View<CardsWire>) {
    this.#view = view;
    this.#toolbar = new Toolbar({ onWant: (wanted) => this.#want(wanted) });
    const { served } = view;
    this.#list = new CardList({
      notebook: served && { label: trans("Retry: %1", served.notebookLabel), open: () => served.openNotebook() },
      onCopy: (text, what) => void view.frame.copy(text, what),
      onExplain: (id) => view.send({ kind: "explain", id }),
      onRetry: (id) => view.send({ kind: "resend", id }),
    });
    this.#pager = new Pager({ onTurn: (page) => this.#want({ ...view.get("wanted"), page }) });
    const parts = [this.#progress, this.#standing, this.#toolbar, this.#list, this.#pager];
    this.#code.append(
      button(trans("Copy as code"), () => void view.frame.copy(view.get("code"), trans("Code")), "quiet"),
    );
    view.frame.body.append(this.#head, this.#code, ...parts.map((part) => part.element));
    view.watch(["head"], ({ head }) => fill(this.#head, head && sanitisedHtml(head)));
    view.watch(["code"], ({ code }) => {
      this.#code.hidden = !code;
    });
    view.watch(["state", "counts", "blocking"], (traits) => this.#progress.draw(traits));
    view.watch(["standing"], (traits) => this.#standing.draw(traits));
    view.watch(["standing", "wanted"], () => this.#list.fold(this.#dropped()));
    view.watch(["wanted", "metrics", "statuses", "settings", "factors"], (traits) => this.#toolbar.draw(traits));
    view.watch(["state"], ({ state }) => this.#follow(state));
    view.watch(["problem"], ({ problem }) => problem && this.#list.enableRetry());
    view.listen(
      (message) => this.#receive(message),
      () => this.#ask(view.get("wanted")),
    );
  }

  /** Ask for other cards because the user wants them. */
  #want(wanted: PageRequest): void {
    this.#view.change({ wanted });
    this.#ask(wanted);
  }

  /** Ask for a page of cards, which there is once the run has ended. */
  #ask(wanted: PageRequest): void {
    if (this.#view.get("state") === "done") this.#view.send({ kind: "ask", wanted });
  }

  /** Return the settings whose answers are folded away: those a race dropped, unless the user asks for one setting. */
  #dropped(): readonly Dropped[] {
    const { setting, sort } = this.#view.get("wanted");
    return setting >= 0 || sort !== "" ? [] : (this.#view.get("standing")?.dropped ?? []);
  }

  #follow(state: CardsWire["traits"]["state"]): void {
    this.#toolbar.element.hidden = state !== "done";
    if (state === "done") this.#ask(this.#view.get("wanted"));
    if (state !== "waiting") return;
    this.#list.clear();
    this.#pager.clear();
  }

  #receive(message: CardsWire["fromKernel"]): void {
    if (message.kind === "explained") {
      this.#list.explain(message);
      return;
    }
    const context = {
      scales: this.#view.get("scales"),
      retryable: this.#view.get("state") === "done",
      sorted: this.#view.get("wanted").sort !== "",
    };
    if (message.kind === "arrived") {
      this.#list.drawCard(message.card, context);
      return;
    }
    this.#list.draw(message, context);
    this.#pager.draw(message);
  }
}

export default widget<CardsWire>("cards", (view) => {
  new Cards(view);
});
