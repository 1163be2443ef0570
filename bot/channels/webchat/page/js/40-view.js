// The thread on the screen, drawn from the log. Everything said is set as text, never as HTML.
const $ = (id) => document.getElementById(id);
const drawn = new Map(); // entry key → its element

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', '#i-' + name);
  svg.appendChild(use);
  return svg;
}

// French sets a space before some marks; a line must not begin with one.
const tied = (text) => text.replace(/ ([?!:;»%])/g, '\u00a0$1').replace(/« /g, '«\u00a0');
const clock = (seconds) => Math.floor(seconds / 60) + ':' + String(Math.floor(seconds % 60)).padStart(2, '0');
const control = (tap) => /:(done|skip|back)$/.test(tap);
const keyOf = (entry) => entry.id || entry.key;

// Choices count while nothing was answered since; a message that could not be sent is no answer.
function firstLive(log) {
  let index = log.length;
  while (index > 0 && (!log[index - 1].id || log[index - 1].state === 'no')) index -= 1;
  return index;
}

// What the last thing said allows besides text; it stays while the answer is under way.
function accepted(log) {
  const kinds = new Set();
  let index = log.length - 1;
  while (index >= 0 && log[index].id) index -= 1;
  for (; index >= 0 && !log[index].id; index -= 1) (log[index].accepts || []).forEach((kind) => kinds.add(kind));
  return kinds;
}

function show() {
  if (Line.gone) return;
  const state = Store.state;
  const thread = $('thread');
  const log = state.log.filter((entry) => entry.kind !== 'start');
  const live = firstLive(log);
  const atEnd = Scroll.atEnd;
  const kept = new Set(log.map(keyOf));
  drawn.forEach((element, key) => {
    if (!kept.has(key)) { element.remove(); drawn.delete(key); }
  });
  let firstNew = null;
  let mine = false;
  log.forEach((entry, index) => {
    let element = drawn.get(keyOf(entry));
    if (!element) {
      element = entry.id ? drawMine(entry) : drawTheirs(entry);
      drawn.set(keyOf(entry), element);
      thread.insertBefore(element, $('dots'));
      firstNew = firstNew || element;
      mine = mine || Boolean(entry.id);
    }
    if (entry.id) mark(element, entry); else offer(element, entry, index >= live);
  });
  const waiting = state.log.filter((entry) => entry.state === 'wait');
  dress(state, waiting);
  if (firstNew && (atEnd || mine)) Scroll.to(firstNew); else Scroll.keep();
}

const Scroll = {
  atEnd: true,
  begun: false,

  // The beginning of what was said stays in sight, however long it is; at the start, the end of the log.
  to(element) {
    const thread = $('thread');
    const end = thread.scrollHeight - thread.clientHeight;
    thread.scrollTop = Scroll.begun ? Math.min(end, element.offsetTop - 8) : end;
    Scroll.look();
  },

  // Who was at the end stays there when the keyboard opens or a line appears.
  keep() {
    if (Scroll.atEnd) $('thread').scrollTop = $('thread').scrollHeight;
    Scroll.look();
  },

  look() {
    const thread = $('thread');
    Scroll.atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 40;
    $('down').hidden = Scroll.atEnd;
  },
};

// Everything around the thread: words, status, banner, what may be sent.
function dress(state, waiting) {
  const root = document.documentElement;
  if (root.lang !== spoken() || !root.dataset.worded) {
    root.lang = spoken();
    root.dataset.worded = '1';
    document.querySelectorAll('[data-word]').forEach((one) => { one.textContent = word(one.dataset.word); });
    document.querySelectorAll('[data-label]').forEach((one) => {
      one.setAttribute('aria-label', word(one.dataset.label));
    });
    $('text').placeholder = word('text');
  }
  const sending = waiting.length > 0 && Line.busy && !Line.trouble;
  say($('status'), Line.trouble === 'later' ? word('offline') : word(sending ? 'writing' : 'status'));
  say($('banner'), state.demonstration ? word('banner') : '');
  $('dots').hidden = !sending;
  const typed = waiting.some((entry) => entry.kind !== 'start');
  const trouble = waiting.length ? Line.trouble : '';
  say($('notice'), trouble ? word(trouble === 'later' && !typed ? 'write_now' : trouble) : Notice.key && word(Notice.key));
  const kinds = accepted(state.log);
  const paper = kinds.has('document');
  $('attach').hidden = !kinds.has('photo') && !paper;
  $('attach').setAttribute('aria-label', word(paper ? 'attach_paper' : 'attach'));
  $('file').accept = paper ? 'image/*,application/pdf' : 'image/*';
  $('place').hidden = !kinds.has('location') || !navigator.geolocation || $('typing').hidden;
  const speaks = kinds.has('voice') && $('text').value.trim() === '';
  $('mic').hidden = !speaks;
  $('send').hidden = speaks;
}

const Notice = {
  key: '',
  set(key) { Notice.key = key; show(); },
};

function say(element, text) {
  if (element.textContent !== text) element.textContent = text; // a change would be read aloud
  element.hidden = !text;
}

function drawMine(entry) {
  const element = make('div', 'bubble mine');
  element.appendChild(make('span', 'sr', word('you') + ' '));
  const names = { voice: 'mic', photo: 'photo', document: 'paper', location: 'place' };
  if (names[entry.kind]) {
    element.classList.add('thing');
    element.appendChild(icon(names[entry.kind]));
  }
  const text = make('p', '', entry.show || entry.text || word(entry.kind === 'location' ? 'my_place' : entry.kind));
  text.dir = 'auto';
  if (entry.seconds) text.textContent += ' ' + clock(entry.seconds);
  element.appendChild(text);
  element.appendChild(make('p', 'meta'));
  return element;
}

function mark(element, entry) {
  if (element.dataset.state === entry.state) return;
  element.dataset.state = entry.state;
  const meta = element.querySelector('.meta');
  meta.textContent = '';
  meta.appendChild(make('time', '', hour(entry.at)));
  meta.appendChild(icon(entry.state));
  meta.appendChild(make('span', entry.state === 'no' ? '' : 'sr', word(entry.state)));
  if (entry.state === 'no' && entry.say) {
    element.appendChild(make('p', 'why', entry.say));
  }
  if (entry.again) {
    const button = make('button', 'wide', word('again'));
    button.type = 'button';
    button.addEventListener('click', () => { retry(entry.id); $('thread').focus(); });
    element.appendChild(button);
  }
}

function hour(at) {
  const date = new Date(at);
  return date.getHours() + ':' + String(date.getMinutes()).padStart(2, '0');
}

function drawTheirs(entry) {
  const group = make('div', 'group');
  group.lang = entry.language || Store.state.language || 'fr';
  const bubble = make('div', 'bubble theirs');
  const text = make('p', '', tied(entry.text));
  text.dir = 'auto';
  bubble.appendChild(text);
  const meta = make('p', 'meta');
  meta.appendChild(make('time', '', hour(entry.at)));
  bubble.appendChild(meta);
  Voice.offer(bubble, entry, group.lang);
  group.appendChild(bubble);
  return group;
}

// ---- choices

function offer(group, entry, live) {
  if (!entry.options || !entry.options.length || group.dataset.live === String(live)) return;
  group.dataset.live = String(live);
  const old = group.querySelector('.options');
  const hadFocus = old && old.contains(document.activeElement);
  if (old) old.remove();
  const box = make('div', live ? 'options' : 'options retired');
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', word('choices'));
  if (entry.many && live) offerMany(box, entry);
  else {
    const chosen = entry.chosen || [];
    const shown = entry.options.filter((option) => live || !control(option.tap) || chosen.includes(option.tap));
    shown.forEach((option) => box.appendChild(choice(entry, option, live)));
  }
  group.appendChild(box);
  if (hadFocus) $('thread').focus(); // Tab goes on from here to the next choices
}

function choice(entry, option, live) {
  const taken = (entry.chosen || []).includes(option.tap);
  const button = make('button', 'choice' + (taken ? ' taken' : '') + (control(option.tap) ? ' aside' : ''));
  button.type = 'button';
  button.disabled = !live;
  const label = make('span', '', tied(option.label));
  label.dir = 'auto';
  button.appendChild(label);
  if (taken) button.appendChild(icon('sent'));
  button.addEventListener('click', () => {
    queue({ kind: 'tap', tap: option.tap, show: option.label }, entry, [option.tap]);
  });
  return button;
}

function offerMany(box, entry) {
  const open = entry.options.filter((option) => !control(option.tap));
  const done = entry.options.find((option) => option.tap.endsWith(':done'));
  box.appendChild(make('p', 'hint', word('several')));
  const boxes = open.map((option) => {
    const label = make('label', 'choice');
    const check = make('input');
    check.type = 'checkbox';
    label.appendChild(check);
    const text = make('span', '', tied(option.label));
    text.dir = 'auto';
    label.appendChild(text);
    box.appendChild(label);
    return check;
  });
  const button = make('button', 'choice main', done ? done.label : word('done'));
  button.type = 'button';
  button.addEventListener('click', () => {
    const taken = open.filter((option, index) => boxes[index].checked);
    if (taken.length) {
      const numbers = taken.map((option) => entry.options.indexOf(option) + 1).join(', ');
      const labels = taken.map((option) => option.label).join(', ');
      queue({ kind: 'text', text: numbers, show: labels }, entry, taken.map((option) => option.tap));
    } else if (done) {
      queue({ kind: 'tap', tap: done.tap, show: done.label }, entry, [done.tap]);
    }
  });
  box.appendChild(button);
  entry.options.filter((option) => control(option.tap) && option !== done)
    .forEach((option) => box.appendChild(choice(entry, option, true)));
}
