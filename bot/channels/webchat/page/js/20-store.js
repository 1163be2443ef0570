// What this phone remembers, in localStorage: the log (the queue is its entries that still wait) and the
// cursor. Written at once, so that a browser killed a moment later has lost nothing. Bytes of voice notes and
// photos wait in IndexedDB until they are sent, and are dropped then.
const KEY = 'segin.chat';
const LEAVING = 'segin.leaving'; // left without a network: the cookie is still to be dropped
const KEEP = 200; // messages
const MONTH = 30 * 24 * 3600 * 1000; // as long as the cookie lives

const blank = () => ({ v: 1, cursor: 0, seen: 0, epoch: 0, language: '', demonstration: false, at: Date.now(), log: [] });

const Store = {
  state: blank(),

  // Reads what another tab may have written. False: the log was there and is gone (left in another tab).
  read() {
    let text = null;
    try { text = localStorage.getItem(KEY); } catch (error) { return true; } // storage forbidden: memory only
    if (text === null) return Store.state.log.length === 0;
    let state = null;
    try { state = JSON.parse(text); } catch (error) { state = null; }
    if (state && state.v === 1 && Date.now() - state.at < MONTH) {
      Store.state = state;
    } else { // too old, not ours, or broken: a new beginning, and nothing of it stays
      Store.clear();
      Files.clear();
    }
    return true;
  },

  change(how) {
    if (Line.gone) return; // an answer that comes after leaving writes nothing
    Store.read();
    Store.state.log = Store.state.log.filter((entry) => !entry.fleeting); // a good-bye is never kept
    how(Store.state);
    Store.state.at = Date.now();
    trim(Store.state, KEEP);
    for (const keep of [KEEP, 50, 10]) {
      trim(Store.state, keep);
      try {
        localStorage.setItem(KEY, JSON.stringify(Store.state));
        return;
      } catch (error) { continue; } // full: fewer old messages; forbidden: memory only
    }
  },

  clear() {
    Store.state = blank();
    try { localStorage.removeItem(KEY); } catch (error) { return; } // forbidden: nothing was kept
  },

  get leaving() {
    try { return localStorage.getItem(LEAVING) !== null; } catch (error) { return false; }
  },

  set leaving(yes) {
    try {
      if (yes) localStorage.setItem(LEAVING, '1'); else localStorage.removeItem(LEAVING);
    } catch (error) { return; } // forbidden: the cookie goes with the tab's life at most
  },
};

// The oldest go first; what still waits, or may be tried again, is never dropped.
function trim(state, keep) {
  let over = state.log.length - keep;
  if (over > 0) state.log = state.log.filter((entry) => entry.state === 'wait' || entry.again || over-- <= 0);
}

function newId() {
  if (window.crypto.randomUUID) return window.crypto.randomUUID();
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const Files = {
  memory: {}, // where IndexedDB is forbidden a file lives as long as the page

  run(mode, work) {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open('segin', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('files');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const base = opening.result;
        const deal = base.transaction('files', mode);
        const asked = work(deal.objectStore('files'));
        deal.oncomplete = () => { base.close(); resolve(asked.result); };
        deal.onabort = deal.onerror = () => { base.close(); reject(deal.error); };
      };
    });
  },

  async put(id, blob) {
    const bytes = await new Response(blob).arrayBuffer(); // older browsers cannot keep blobs
    Files.memory[id] = bytes;
    try {
      await Files.run('readwrite', (files) => files.put(bytes, id));
    } catch (error) { return; } // full or forbidden: sent from memory
  },

  async get(id) {
    if (Files.memory[id]) return Files.memory[id];
    try { return await Files.run('readonly', (files) => files.get(id)); } catch (error) { return undefined; }
  },

  async drop(id) {
    delete Files.memory[id];
    try { await Files.run('readwrite', (files) => files.delete(id)); } catch (error) { return; } // never kept
  },

  clear() {
    Files.memory = {};
    if (window.indexedDB) indexedDB.deleteDatabase('segin');
  },
};
