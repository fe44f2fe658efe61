// Holds what ends a script element, in case that the source is ever written into a page.
// must: result "</script><script>alert(1)</script><!--"
() => '</script><script>alert(1)</script><!--'
