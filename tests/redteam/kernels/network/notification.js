// Shows a notification whose icon lies on another site.
// must: leak nothing
() => new Notification('Hello', { icon: '%HTTP%/icon.png', image: '%HTTP%/large.png' }).title
