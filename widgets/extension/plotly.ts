// plotly.js of the installed plotly package, loaded from the server when the first figure is drawn.

import { ServerConnection } from "@jupyterlab/services";
import type { Plotly } from "./figures.js";

let loading: Promise<Plotly> | undefined;

/** Load plotly.js, once a page; what failed is tried again. */
export function loadPlotly(settings: ServerConnection.ISettings): Promise<Plotly> {
  loading ??= load(settings).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(settings: ServerConnection.ISettings): Promise<Plotly> {
  const address = `${settings.baseUrl}pplab/api/plotly.js`;
  const response = await ServerConnection.makeRequest(address, { cache: "default" }, settings);
  if (!response.ok) throw new ServerConnection.ResponseError(response);
  const url = URL.createObjectURL(new Blob([await response.text()], { type: "text/javascript" }));
  try {
    await new Promise<void>((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = () => resolve();
      script.onerror = () => reject(new Error("plotly.js could not be run"));
      script.src = url;
      document.head.append(script);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return (window as unknown as { readonly Plotly: Plotly }).Plotly;
}
