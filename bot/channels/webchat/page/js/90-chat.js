// Puts it all together.

// A message joins the log, which is the queue; `answered` is the message whose choice it is.
function queue(given, answered, chosen) {
  Notice.key = '';
  const entry = Object.assign({ id: newId(), state: 'wait', at: Date.now() }, given);
  Store.change((state) => {
    const asked = answered && state.log.find((one) => one.key === answered.key);
    if (asked) asked.chosen = chosen;
    state.log.push(entry);
  });
  show();
  Line.now();
}

function begin() {
  const start = carried();
  if (start || !Store.state.log.length) queue({ kind: 'start', start });
}

// What the link of a poster says, once: the address is the plain one from here on, also for a reload.
function carried() {
  const found = /[?&]start=([A-Za-z0-9_-]{1,64})(&|$)/.exec(location.search);
  if (location.search) history.replaceState(null, '', location.pathname);
  return found ? found[1] : undefined;
}

// Nothing of the chat stays on this phone, and the screen says nothing about it.
function leave() {
  Line.stop();
  Recorder.stop(false);
  if (window.speechSynthesis) speechSynthesis.cancel();
  vanish();
  const work = wipe();
  Store.leaving = true;
  work.push(Line.sayLeft());
  const away = () => location.replace('about:blank');
  setTimeout(away, 3000); // no network: the next visit says it before anything else
  Promise.all(work).then(away, away);
}

// Takes everything from this phone; gives the work that is still going on.
function wipe() {
  Store.clear();
  Files.clear();
  const work = [];
  if (window.caches) work.push(caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name)))));
  if (navigator.serviceWorker) {
    work.push(navigator.serviceWorker.getRegistrations().then((all) => Promise.all(all.map((one) => one.unregister()))));
  }
  return work;
}

// The person was erased: here, too. What is said about it is shown and never kept; who writes then begins anew.
function forget(answer) {
  const { demonstration, language } = Store.state;
  Line.hangUp();
  if (Recorder.machine) Recorder.stop(false);
  if (Ready.thing) Ready.drop();
  if (window.speechSynthesis) speechSynthesis.cancel();
  $('text').value = '';
  Notice.key = '';
  Promise.all(wipe()).catch(() => undefined); // forbidden: nothing was kept
  Object.assign(Store.state, { demonstration, language: answer.language || language });
  Store.state.log = answer.messages.map(
    (message) => Object.assign({ key: 'bye:' + message.seq, at: Date.now(), fleeting: true }, message),
  );
  Store.leaving = true; // the cookie leads to nothing any more: it goes next
  show();
}

function vanish() {
  document.title = ' ';
  document.body.textContent = '';
  document.body.className = 'gone';
}

function typed() {
  const text = $('text');
  text.style.height = 'auto';
  text.style.height = Math.min(text.scrollHeight + 2, 140) + 'px';
  dress(Store.state, Store.state.log.filter((entry) => entry.state === 'wait'));
  Scroll.keep();
}

function sendText() {
  const text = $('text').value;
  if (text.trim() === '') return;
  $('text').value = '';
  typed();
  queue({ kind: 'text', text });
}

function sendPlace() {
  Notice.set('place_wait');
  navigator.geolocation.getCurrentPosition(
    (found) => {
      const { latitude, longitude } = found.coords;
      queue({ kind: 'location', latitude, longitude });
    },
    () => Notice.set('place_no'),
    { timeout: 30000, maximumAge: 60000 },
  );
}

function listenToThePage() {
  $('composer').addEventListener('submit', (event) => { event.preventDefault(); sendText(); });
  $('text').addEventListener('input', typed);
  $('text').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    sendText();
  });
  $('leave').addEventListener('click', leave);
  $('place').addEventListener('click', sendPlace);
  $('attach').addEventListener('click', () => Ready.pick($('file').accept));
  $('file').addEventListener('change', () => { if ($('file').files[0]) Ready.picked($('file').files[0]); });
  $('mic').addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    Object.assign(Recorder, { pressed: Date.now(), held: true });
    Recorder.start();
  });
  $('mic').addEventListener('click', (event) => { if (event.detail === 0) Recorder.start(); }); // keyboard
  $('mic').addEventListener('contextmenu', (event) => event.preventDefault()); // a long press is a recording
  ['pointerup', 'pointercancel'].forEach((name) => window.addEventListener(name, Recorder.released));
  $('stop').addEventListener('click', () => Recorder.stop(true));
  $('drop').addEventListener('click', () => Recorder.stop(false));
  $('play').addEventListener('click', Ready.play);
  $('cancel').addEventListener('click', Ready.drop);
  $('go').addEventListener('click', Ready.send);
  $('thread').addEventListener('scroll', Scroll.look, { passive: true });
  $('down').addEventListener('click', () => { $('thread').scrollTop = $('thread').scrollHeight; });
  window.addEventListener('resize', Scroll.keep);
  window.addEventListener('online', Line.now);
  window.addEventListener('storage', (event) => {
    if (event.key !== KEY && event.key !== null) return;
    if (Store.read()) { show(); return; }
    Line.stop(); // left in another tab
    vanish();
    // Not from inside this event: one Chromium in ten crashed the tab.
    setTimeout(() => location.replace('about:blank'), 100);
  });
  window.addEventListener('pagehide', Line.saySeen);
  window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { // spares the battery; what was missed waits
      Line.hangUp();
      Line.saySeen();
      return;
    }
    Line.listen();
    Line.now();
  });
}

const dots = make('p', 'bubble theirs dots');
dots.id = 'dots';
dots.hidden = true;
dots.setAttribute('aria-hidden', 'true');
for (let count = 0; count < 3; count += 1) dots.appendChild(make('i'));
$('thread').appendChild(dots);

listenToThePage();
Voice.watch();
Store.read();
$('thread').setAttribute('aria-busy', 'true'); // what was said before is not read aloud again
show();
$('thread').removeAttribute('aria-busy');
Scroll.begun = true;
begin();
Line.pump();
Line.listen();
if (navigator.serviceWorker) {
  navigator.serviceWorker.register('/static/chat/sw.js', { scope: '/' }).catch(() => undefined); // works without
}
