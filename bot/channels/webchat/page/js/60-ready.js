// A voice note, photo or document that is ready: looked at or heard again, then sent or dropped.
const WIDEST = 1280; // pixels: a page of paper stays readable
const QUALITY = 0.7;
const LARGEST = 5 * 1024 * 1024; // bytes; the server takes no more

const Ready = {
  thing: null, // {kind, blob, seconds}
  sounding: null,
  address: '',

  pick(accept) {
    $('file').accept = accept;
    $('file').value = '';
    $('file').click();
  },

  async picked(file) {
    Notice.set('');
    if (/^audio\//.test(file.type)) return Ready.sound(file, 0);
    if (!/^image\//.test(file.type)) return Ready.keep({ kind: 'document', blob: file });
    try {
      return Ready.keep({ kind: 'photo', blob: await shrunk(file) });
    } catch (error) {
      return Notice.set('photo_no'); // no picture, or a format this phone cannot draw
    }
  },

  sound(blob, seconds) {
    Ready.keep({ kind: 'voice', blob, seconds });
  },

  keep(thing) {
    if (thing.blob.size > LARGEST) {
      bar('typing', 'text');
      Notice.set('big');
      return;
    }
    Ready.thing = thing;
    Ready.address = URL.createObjectURL(thing.blob);
    $('look').hidden = thing.kind !== 'photo';
    if (thing.kind === 'photo') $('look').src = Ready.address;
    $('play').hidden = thing.kind !== 'voice';
    Ready.label('play');
    $('what').textContent = thing.kind === 'voice' ? '' : word(thing.kind);
    bar('ready', 'go');
  },

  label(key) {
    const seconds = Ready.thing.seconds;
    $('play').querySelector('span').textContent = word(key) + (seconds ? ' ' + clock(seconds) : '');
  },

  play() {
    if (Ready.sounding) { Ready.quiet(); return; }
    const sound = new Audio(Ready.address);
    Ready.sounding = sound;
    sound.onended = Ready.quiet;
    Ready.label('pause');
    // Stopped before it began, or a sound this phone cannot play: it can still be sent.
    sound.play().catch(() => { if (Ready.sounding === sound) Ready.quiet(); });
  },

  quiet() {
    if (Ready.sounding) Ready.sounding.pause();
    Ready.sounding = null;
    if (Ready.thing) Ready.label('play');
  },

  drop() {
    Ready.quiet();
    Ready.thing = null;
    $('look').removeAttribute('src');
    URL.revokeObjectURL(Ready.address);
    bar('typing', $('mic').hidden ? 'text' : 'mic');
  },

  async send() {
    const thing = Ready.thing;
    if (!thing) return;
    Ready.drop();
    const id = newId();
    // The bytes first: an entry of the queue without its bytes could never be sent.
    await Files.put(id, thing.blob);
    const type = thing.blob.type || 'application/octet-stream';
    queue({ id, kind: thing.kind, type, bytes: thing.blob.size, seconds: thing.seconds || 0 });
  },
};

// A picture no larger than needed: megabytes would take minutes. Drawing it anew also drops place and time.
function shrunk(file) {
  return new Promise((resolve, reject) => {
    const address = URL.createObjectURL(file);
    const picture = new Image();
    picture.onerror = () => { URL.revokeObjectURL(address); reject(new Error('unreadable')); };
    picture.onload = () => {
      URL.revokeObjectURL(address);
      const scale = Math.min(1, WIDEST / Math.max(picture.naturalWidth, picture.naturalHeight));
      const canvas = make('canvas');
      canvas.width = Math.max(1, Math.round(picture.naturalWidth * scale));
      canvas.height = Math.max(1, Math.round(picture.naturalHeight * scale));
      const pen = canvas.getContext('2d');
      pen.fillStyle = '#fff'; // what is transparent would turn black
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('unreadable'))), 'image/jpeg', QUALITY);
    };
    picture.src = address;
  });
}
