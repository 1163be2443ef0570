'use strict';
// Keeps the page itself on the phone, so that it opens without a network; never a word of the chat.
// {version} is the hash of the page: a new page is a new worker, which replaces the old copy as a whole.
const KEPT = 'segin-{version}';
const FILES = ['/', '{css}', '{js}', '{icon}'];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(
    names.filter((name) => name.startsWith('segin-') && name !== KEPT).map((name) => caches.delete(name)),
  )).then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (!FILES.includes(url.pathname)) return;
  event.respondWith(caches.match(url.pathname).then((kept) => kept || fetch(event.request)));
});
