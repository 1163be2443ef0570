// The line to the server: the queue goes out in order, one message at a time, each until it was stored;
// later messages come in by the event stream.
const WAITS = [2, 4, 8, 15, 30, 60]; // seconds between attempts; the network coming back cuts them short
const TEXT_TIME = 60 * 1000;
const SEEN_AFTER = 1000; // milliseconds; a message that follows at once carries the acknowledgement itself
const TRIES = 5; // of one message, when something else than a proper answer comes back
const FILE_TIME = 5 * 60 * 1000; // 5 MB at the speed of 2G would be longer; photos and voices are far smaller

const Line = {
  busy: false, // something is on its way
  trouble: '', // '', 'later' (no network) or 'busy' (the server asks to wait)
  gone: false, // the person left
  failures: 0,
  timer: 0,
  flight: null,
  stream: null,
  streamTimer: 0,
  streamFailures: 0,
  seenTimer: 0,

  // Something new to send, or a reason to believe that it works now.
  now() {
    Line.failures = 0;
    Line.pump();
  },

  async pump() {
    clearTimeout(Line.timer);
    if (Line.busy || Line.gone) return;
    Line.busy = true;
    let again = 0;
    try {
      if (Store.leaving) again = await Line.sayLeft();
      if (!again) {
        const entry = Store.state.log.find((one) => one.state === 'wait');
        if (!entry) return;
        show();
        again = await Line.send(entry);
      }
    } finally {
      Line.busy = false;
      Line.flight = null;
      if (!Line.gone) show();
      Line.seenSoon();
    }
    if (Line.gone) return;
    if (again) Line.timer = setTimeout(Line.pump, again * 1000);
    else Line.now();
  },

  // Seconds until the next attempt; 0: this message is done with.
  async send(entry) {
    const file = 'bytes' in entry;
    clearTimeout(Line.seenTimer); // this message says it
    const cursor = Store.state.cursor;
    const headers = {
      'X-Segin': 'chat',
      'Accept-Language': spoken(),
      'Content-Type': 'application/json',
    };
    let body;
    if (file) {
      body = await Files.get(entry.id);
      if (!body) return settle(entry.id, 'no', word('lost'));
      headers['Content-Type'] = entry.type;
      headers['X-Message-Id'] = entry.id;
      headers['X-Message-Kind'] = entry.kind;
      headers['X-Cursor'] = String(cursor);
      if (entry.seconds) headers['X-Seconds'] = String(entry.seconds);
    } else {
      const { id, kind, text, tap, latitude, longitude, start } = entry;
      body = JSON.stringify({ id, kind, text, tap, latitude, longitude, start, cursor });
    }
    let response;
    let text;
    try {
      response = await Line.ask('/chat/messages', headers, body, file ? FILE_TIME : TEXT_TIME);
      text = await response.text();
    } catch (error) {
      return Line.failed('later'); // no network
    }
    if (Line.gone) return 0;
    const answer = parsed(text);
    const status = response.status;
    if (response.ok && Array.isArray(answer.messages)) {
      Line.trouble = '';
      if (answer.erased) {
        forget(answer);
        return 0;
      }
      take(answer, entry.id, cursor);
      if (file) Files.drop(entry.id);
      if (answer.new) Line.hangUp();
      Line.streamFailures = 0;
      Line.listen();
      return 0;
    }
    if (status === 409 && answer.error === 'unknown' && !entry.anew) return beginAnew(entry.id);
    const final = status >= 400 && status < 500 && status !== 408 && status !== 429;
    if (final && answer.error) {
      Line.trouble = '';
      if (file) Files.drop(entry.id);
      return settle(entry.id, 'no', answer.say || '');
    }
    // A fault of the server, or what is no answer of ours (a page of the mobile operator, of a filter): it may be
    // this very message, and those behind it must not wait for ever. 502 to 504: nobody looked at it yet.
    if (status === 500 || (!answer.error && !(status > 501 && status < 505))) {
      return Line.stuck(entry, status === 500 ? 'busy' : 'later');
    }
    return Line.failed('busy', Number(response.headers.get('Retry-After')) || 0);
  },

  stuck(entry, trouble) {
    let tries = 0;
    let alone = false;
    Store.change((state) => {
      const mine = state.log.find((one) => one.id === entry.id);
      if (mine) tries = mine.tries = (mine.tries || 0) + 1;
      alone = state.log.filter((one) => one.state === 'wait').length === 1;
    });
    if (tries < TRIES || (entry.kind === 'start' && alone)) return Line.failed(trouble);
    Line.trouble = '';
    Line.failures = 0;
    return settle(entry.id, 'no', word('stuck'), entry.kind !== 'start');
  },

  failed(trouble, atLeast) {
    Line.trouble = trouble;
    const wait = WAITS[Math.min(Line.failures, WAITS.length - 1)];
    Line.failures += 1;
    return Math.max(atLeast || 0, wait) * (1 + Math.random() / 4); // many phones come back at once
  },

  async ask(address, headers, body, time) {
    const flight = window.AbortController ? new AbortController() : null;
    Line.flight = flight;
    const timer = setTimeout(() => flight && flight.abort(), time);
    try {
      return await fetch(address, {
        method: 'POST', headers, body, credentials: 'same-origin', redirect: 'error', cache: 'no-store',
        signal: flight ? flight.signal : undefined,
      });
    } finally {
      clearTimeout(timer);
    }
  },

  // ---- later messages

  listen() {
    clearTimeout(Line.streamTimer);
    if (Line.stream || Line.gone || Store.leaving || !window.EventSource || document.hidden) return;
    if (Store.state.cursor === 0) return; // nobody knows us yet
    const stream = new EventSource('/chat/stream?cursor=' + Store.state.cursor);
    Line.stream = stream;
    stream.onopen = () => { Line.streamFailures = 0; };
    stream.onmessage = (event) => {
      take({ messages: [JSON.parse(event.data)] });
      if (!Line.busy) Line.seenSoon();
    };
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
      Line.hangUp();
      Line.streamFailures += 1;
      // Refused: unknown to the server (the next message begins anew) or the server is not well.
      Line.streamTimer = setTimeout(Line.listen, Math.min(300, 10 * 2 ** Line.streamFailures) * 1000);
    };
  },

  hangUp() {
    clearTimeout(Line.streamTimer);
    if (Line.stream) Line.stream.close();
    Line.stream = null;
  },

  get unseen() {
    return !Line.gone && !Store.leaving && Store.state.cursor > (Store.state.seen || 0);
  },

  // What arrived is acknowledged soon: until then the server keeps it.
  seenSoon(after) {
    clearTimeout(Line.seenTimer);
    if (Line.unseen) Line.seenTimer = setTimeout(Line.saySeen, after || SEEN_AFTER);
  },

  async saySeen() {
    clearTimeout(Line.seenTimer);
    if (!Line.unseen) return;
    const { cursor, epoch } = Store.state;
    let status = 0;
    try {
      const headers = { 'X-Segin': 'chat', 'Content-Type': 'application/json' };
      const body = JSON.stringify({ cursor });
      // keepalive: also when the page is just being closed
      const response = await fetch('/chat/seen', {
        method: 'POST', headers, body, credentials: 'same-origin', keepalive: true, cache: 'no-store',
      });
      status = response.status;
    } catch (error) { status = 0; }
    if (!Line.unseen) return; // left, erased, or acknowledged by a message meanwhile
    if (status === 204 || status === 401) { // 401: the server knows nothing of us any more
      Store.change((state) => { if (state.epoch === epoch) state.seen = Math.max(state.seen || 0, cursor); });
    } else if (!Line.busy) {
      Line.seenSoon(30 * SEEN_AFTER);
    }
  },

  // ---- leaving

  async sayLeft() {
    try {
      const response = await fetch('/chat/leave', {
        method: 'POST', headers: { 'X-Segin': 'chat' }, credentials: 'same-origin', keepalive: true,
      });
      if (!response.ok) return Line.failed('busy');
    } catch (error) {
      return Line.failed('later');
    }
    Store.leaving = false;
    return 0;
  },

  stop() {
    Line.gone = true;
    clearTimeout(Line.timer);
    clearTimeout(Line.seenTimer);
    Line.hangUp();
    if (Line.flight) Line.flight.abort(); // its answer would set the cookie again
  },
};

// What the server said joins the log; only then does the cursor move.
function take(answer, id, carried) {
  Store.change((state) => {
    if (answer.new) {
      state.cursor = 0; // seqs count from the beginning again
      state.epoch += 1;
      state.seen = 0;
    } else if (carried) {
      state.seen = Math.max(state.seen || 0, carried);
    }
    if ('demonstration' in answer) state.demonstration = answer.demonstration;
    const mine = state.log.find((entry) => entry.id === id);
    if (mine) mine.state = 'sent';
    for (const message of answer.messages) {
      if (!(message.seq > state.cursor)) continue; // came by the other way already
      state.cursor = message.seq;
      state.log.push(Object.assign({ key: state.epoch + ':' + message.seq, at: Date.now() }, message));
      if (message.language) state.language = message.language;
    }
    if (answer.language) state.language = answer.language;
  });
  show();
}

function settle(id, how, say, again) {
  Store.change((state) => {
    const entry = state.log.find((one) => one.id === id);
    if (entry) Object.assign(entry, { state: how, say, again: Boolean(again) });
  });
  return 0;
}

// What is not ours counts as an answer that says nothing.
function parsed(text) {
  try { return JSON.parse(text) || {}; } catch (error) { return {}; }
}

// The server takes files only from those it knows: the start goes first, then the file again, once.
function beginAnew(id) {
  Store.change((state) => {
    const index = state.log.findIndex((one) => one.id === id);
    if (index < 0) return;
    state.log[index].anew = true;
    state.log.splice(index, 0, { id: newId(), kind: 'start', state: 'wait', at: Date.now() });
  });
  return 0;
}

// Said again, at the end; its id stays: should it have been stored after all, it is no second turn.
function retry(id) {
  const element = drawn.get(id);
  if (element) element.remove();
  drawn.delete(id);
  Store.change((state) => {
    const entry = state.log.find((one) => one.id === id);
    if (!entry) return;
    state.log.splice(state.log.indexOf(entry), 1);
    state.log.push(Object.assign(entry, { state: 'wait', again: false, tries: 0, say: '', at: Date.now() }));
  });
  show();
  Line.now();
}
