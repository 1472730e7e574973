
/** The value of one of the page's data blocks; null where the page has none. */
async function read(id) {
  const holder = byId(id);
  if (!holder) return null;
  if (holder.type === "application/json") return JSON.parse(holder.textContent);
  const packed = Uint8Array.from(atob(holder.textContent), (character) => character.charCodeAt(0));
  const text = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(text).text());
}

/** What the list and the item show, computed from the items' data block. */
class Items {
  constructor(data) {
    Object.assign(this, data);
    this.count = data.ids.length;
    this.place = new Map(data.ids.map((id, i) => [id, i]));
    this.explainedAt = new Map((data.explained ?? []).map((at, i) => [at, i]));
    this.candidate = 0;
    this.method = 0;
  }

  /** The candidate's position among the models, of which the reference is the first. */
  get other() {
    return this.candidate + 1;
  }

  /** What the items that the candidate changes have in common: conditions, and the items that match them. */
  get conditions() {
    return this.common[this.candidate];
  }

  changed(i) {
    return this.answers[0][i] !== this.answers[this.other][i];
  }

  right(model, i) {
    return this.gold !== null && this.answers[model][i] === this.gold[i];
  }

  confidence(model, i) {
    return this.confidences[model][i] / this.digits;
  }

  /** The agreement score of the method that is shown; null where nothing was explained. */
  get measure() {
    return this.agreement && this.agreement[this.method];
  }

  /** How much the two models agree on an item's words; null where that is unknown. */
  agreementOf(i) {
    const at = this.explainedAt.get(i);
    return at === undefined ? null : this.measure.values[this.candidate][at];
  }

  /** The labels that an item shows, by their positions. */
  labelsOf(i) {
    return this.shown === null ? this.labels.map((_, k) => k) : this.shown[i];
  }

  probability(model, i, nth) {
    const ofModel = this.probabilities[model];
    return (this.shown === null ? ofModel[i * this.labels.length + nth] : ofModel[i][nth]) / this.digits;
  }

  /** The text that a search looks through: id and texts in lower case, built when first needed. */
  searchable(i) {
    this.lowered ??= new Array(this.count);
    return (this.lowered[i] ??= [this.ids[i], ...this.texts.map((texts) => texts[i])].join("\n").toLowerCase());
  }
}
