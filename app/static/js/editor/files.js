// Files that somebody chose or dropped, as text: checked as the site checks them, before they are sent.

const CRLF = 'crlf';

/** A file cannot be taken; the message says why. */
export class FileRefused extends Error {}

/**
 * @param {File} file
 * @param {number} maxBytes
 * @returns {Promise<string>} its text to the byte, its byte order mark and its line ends included
 * @throws {FileRefused}
 */
export async function readText(file, maxBytes) {
  if (file.size > maxBytes) {
    throw new FileRefused(`${file.name} has ${sayBytes(file.size)}; the limit is ${sayBytes(maxBytes)}.`);
  }
  const bytes = await readBytes(file);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileRefused(`${file.name} is not UTF-8 text. Save it as UTF-8; binary data fits in as base64.`);
  }
}

// A folder that is dropped looks like a file until it is read, and a file may be gone or locked by then.
async function readBytes(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new FileRefused(`${file.name} cannot be read. Is it a folder, or was it moved?`);
  }
}

/** @param {string} text with LF at its lines' ends @param {HTMLInputElement | undefined} ends what the file had */
export const withLineEnds = (text, ends) => (ends?.value === CRLF ? text.replaceAll('\n', '\r\n') : text);

/** @param {string} text @returns {string} what a form's field says of the ends that most of its lines have */
export function findLineEnds(text) {
  const [all, crlf] = [/\r\n?|\n/g, /\r\n/g].map((pattern) => (text.match(pattern) ?? []).length);
  return crlf > all - crlf ? CRLF : '';
}

const sayBytes = (count) => `${count.toLocaleString('en')} bytes`;
