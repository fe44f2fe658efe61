// How much of this device to use, and what to call it.

import { MAX_DEVICE, MAX_THREADS } from './messages.js';

/**
 * @param {object} facts
 * @param {number} facts.cores
 * @param {boolean} facts.saving on battery, or asked to save data
 * @returns {number} threads to start with: half of the cores, a quarter when saving, one at least
 */
export const suggestThreads = ({ cores, saving }) => Math.max(1, Math.floor(cores / (saving ? 4 : 2)));

/** @returns {number} threads that this device can run at once */
export const countCores = () => Math.min(MAX_THREADS, Math.max(1, navigator.hardwareConcurrency || 1));

/** @returns {Promise<boolean>} whether the device runs on battery or was asked to save data */
export async function isSaving() {
  if (navigator.connection?.saveData) return true;
  try {
    const battery = await navigator.getBattery();
    return !battery.charging;
  } catch {
    return false; // No battery interface here, or none for embedded pages.
  }
}

/** @returns {string} such as "Linux, 4 cores" */
export function nameDevice() {
  const platform = navigator.userAgentData?.platform || navigator.platform || 'unknown';
  return `${platform}, ${countCores()} cores`.slice(0, MAX_DEVICE);
}
