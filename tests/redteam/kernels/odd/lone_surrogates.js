// Returns half surrogate pairs, alone and among others.
// must: result ["\ufffd", "a\ufffdb", "\ufffd\ufffd", "😀"]
() => ['\ud800', 'a\udfffb', '\udfff\ud800', '\ud83d\ude00']
