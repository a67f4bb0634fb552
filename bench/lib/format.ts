/** Figures as they stand in tables. */
export const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
export const whole = (value: number): string => value.toFixed(0);
export const grouped = (value: number): string => value.toLocaleString("en");
export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
export const shareInTenths = (share: number): string => `${(100 * share).toFixed(1)} %`;
