// The fields of the form that a draft keeps: all but files and what is the site's, such as the token.

const isKept = ({ name, type, form }) => form !== null && name !== ''
  && (name.endsWith('_line_ends') || !['file', 'hidden', 'submit', 'radio'].includes(type));

/** @param {HTMLFormElement} form @returns {Record<string, string | boolean>} */
export function readFields(form) {
  const kept = [...form.elements].filter(isKept);
  return Object.fromEntries(kept.map((field) => [field.name, field.type === 'checkbox' ? field.checked : field.value]));
}

/**
 * @param {HTMLFormElement} form
 * @param {Record<string, string | boolean>} fields those that the form does not have are left out
 * @param {Record<string, {text: string}>} sources fields that an editor stands for
 * @param {{name: string, text: string}} staticDataset
 */
export function writeFields(form, fields, sources, staticDataset) {
  for (const field of [...form.elements].filter(isKept)) {
    const { [field.name]: value } = fields;
    if (value === undefined) continue;
    if (field.name in sources) sources[field.name].text = String(value);
    else if (field.name === 'static_dataset_text') staticDataset.text = String(value);
    else if (field.type === 'checkbox') field.checked = value === true;
    else field.value = String(value);
  }
}
