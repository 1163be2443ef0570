// The line to the server: the queue goes out in order, one message at a time, each until it was stored;
// later messages come in by the event stream.
const WAITS = [2, 4, 8, 15, 30, 60]; // seconds between attempts; the network coming back cuts them short
const TEXT_TIME = 60 * 1000;
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
  acknowledged: 0,

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
    }
    if (Line.gone) return;
    if (again) Line.timer = setTimeout(Line.pump, again * 1000);
    else Line.now();
  },

  // Seconds until the next attempt; 0: this message is done with.
  async send(entry) {
    const file = 'bytes' in entry;
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
      headers['X-Cursor'] = String(Store.state.cursor);
      if (entry.seconds) headers['X-Seconds'] = String(entry.seconds);
    } else {
      const { id, kind, text, tap, latitude, longitude } = entry;
      body = JSON.stringify({ id, kind, text, tap, latitude, longitude, cursor: Store.state.cursor });
    }
    let response;
    let answer;
    try {
      response = await Line.ask('/chat/messages', headers, body, file ? FILE_TIME : TEXT_TIME);
      answer = await response.json();
    } catch (error) {
      return Line.failed('later'); // no network, or a page of the mobile operator instead of our answer
    }
    if (Line.gone) return 0;
    if (response.ok && Array.isArray(answer.messages)) {
      Line.trouble = '';
      take(answer, entry.id);
      if (file) Files.drop(entry.id);
      if (answer.new) Line.hangUp();
      Line.streamFailures = 0;
      Line.listen();
      return 0;
    }
    const final = response.status >= 400 && response.status < 500 && response.status !== 429;
    if (final && answer.error) {
      Line.trouble = '';
      if (file) Files.drop(entry.id);
      return settle(entry.id, 'no', answer.say || '');
    }
    return Line.failed('busy', Number(response.headers.get('Retry-After')) || 0);
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
      clearTimeout(Line.seenTimer);
      Line.seenTimer = setTimeout(Line.saySeen, 1500);
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

  async saySeen() {
    const cursor = Store.state.cursor;
    if (Line.gone || cursor <= Line.acknowledged) return;
    try {
      const headers = { 'X-Segin': 'chat', 'Content-Type': 'application/json' };
      const body = JSON.stringify({ cursor });
      const response = await fetch('/chat/seen', { method: 'POST', headers, body, credentials: 'same-origin' });
      if (response.ok) Line.acknowledged = cursor;
    } catch (error) { return; } // the next message acknowledges as well
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
function take(answer, id) {
  Store.change((state) => {
    if (answer.new) {
      state.cursor = 0; // seqs count from the beginning again
      state.epoch += 1;
      Line.acknowledged = 0;
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

function settle(id, how, say) {
  Store.change((state) => {
    const entry = state.log.find((one) => one.id === id);
    if (entry) Object.assign(entry, { state: how, say });
  });
  return 0;
}
