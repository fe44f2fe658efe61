// Takes the keyboard's focus away from the page around it.
// must: fail with /ReferenceError|TypeError/
() => { focus(); document.documentElement.focus(); return 'focused'; }
