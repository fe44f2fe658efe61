// Changes its result after it returned it, while the answer is under way.
// must: result {"said": "before"}
() => {
  const result = { said: 'before' };
  Promise.resolve().then(() => { result.said = 'after'; });
  return result;
}
