// Sends its own worker to another address.
// must: leak nothing
() => { location.href = '%HTTP%/location'; location.assign('%HTTP%/assigned'); return 'went'; }
