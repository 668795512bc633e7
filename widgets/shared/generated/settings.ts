// Generated from pplab.config.jupyterlab by widgets/generate.py.
export interface Settings {
  readonly footer: boolean;
  readonly notifications: boolean;
  readonly refresh: number;
}

export const DEFAULTS: Settings = {
  footer: true,
  notifications: true,
  refresh: 0.5,
};
