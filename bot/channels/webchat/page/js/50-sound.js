// Voice: what was said read aloud, and voice notes recorded, heard again, sent or dropped.
const Voice = {
  // Only a voice of the phone itself: others would send what was said to somebody else's server.
  find(language) {
    if (!window.speechSynthesis || !window.SpeechSynthesisUtterance) return undefined;
    return speechSynthesis.getVoices().find((voice) => voice.localService && voice.lang.slice(0, 2) === language);
  },

  offer(bubble, entry, language) {
    if (!Voice.find(language) || bubble.querySelector('.hear')) return;
    const button = make('button', 'hear');
    button.type = 'button';
    button.setAttribute('aria-label', word('hear'));
    button.appendChild(icon('hear'));
    button.addEventListener('click', () => {
      const speaking = speechSynthesis.speaking;
      speechSynthesis.cancel();
      if (speaking) return;
      const labels = (entry.options || []).map((option) => option.label);
      const speech = new SpeechSynthesisUtterance([entry.text].concat(labels).join('.\n'));
      speech.voice = Voice.find(language);
      speech.lang = language;
      speech.rate = 0.9;
      speechSynthesis.speak(speech);
    });
    bubble.querySelector('.meta').appendChild(button);
  },

  // Voices arrive some time after the page.
  watch() {
    if (!window.speechSynthesis || !speechSynthesis.addEventListener) return;
    speechSynthesis.addEventListener('voiceschanged', () => {
      Store.state.log.filter((entry) => !entry.id).forEach((entry) => {
        const group = drawn.get(keyOf(entry));
        if (group) Voice.offer(group.querySelector('.bubble'), entry, group.lang);
      });
    });
  },
};

const LONGEST = 300; // seconds
const BITS = 16000; // a second: speech stays clear, a minute is 120 kB
const HOLD = 700; // milliseconds; a shorter press is a tap, and recording goes on until Finish

const Recorder = {
  machine: null,
  timer: 0,
  began: 0,
  pressed: 0,
  held: false,
  kept: true,

  get possible() { return Boolean(window.MediaRecorder && navigator.mediaDevices); },

  async start() {
    if (Recorder.machine) return;
    if (!Recorder.possible) { // an old browser, or no https: the phone's own recorder
      Ready.pick('audio/*');
      return;
    }
    Notice.set('');
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      Notice.set('mic_no'); // refused, or no microphone
      return;
    }
    const type = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4']
      .find((one) => MediaRecorder.isTypeSupported(one));
    const machine = new MediaRecorder(stream, type ? { mimeType: type, audioBitsPerSecond: BITS } : {});
    const parts = [];
    machine.ondataavailable = (event) => parts.push(event.data);
    machine.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      clearInterval(Recorder.timer);
      const seconds = (Date.now() - Recorder.began) / 1000;
      Recorder.machine = null;
      if (!Recorder.kept || Line.gone) return;
      const blob = new Blob(parts, { type: machine.mimeType || type || 'audio/webm' });
      if (blob.size > 0) {
        Ready.sound(blob, Math.max(1, Math.round(seconds)));
      } else { // stopped before the microphone gave anything
        bar('typing', 'mic');
        Notice.set('short');
      }
    };
    Recorder.machine = machine;
    Recorder.kept = true;
    Recorder.began = Date.now();
    machine.start(1000);
    $('timer').textContent = clock(0);
    Recorder.timer = setInterval(() => {
      const seconds = (Date.now() - Recorder.began) / 1000;
      $('timer').textContent = clock(seconds);
      if (seconds >= LONGEST) Recorder.stop(true);
    }, 250);
    bar('recording', 'stop');
  },

  // Held like in other chats: letting go ends the recording.
  released() {
    if (Recorder.machine && Recorder.held && Date.now() - Recorder.pressed > HOLD) Recorder.stop(true);
    Recorder.held = false;
  },

  stop(keep) {
    Recorder.kept = keep;
    clearInterval(Recorder.timer);
    if (Recorder.machine && Recorder.machine.state !== 'inactive') Recorder.machine.stop();
    if (!keep) bar('typing', 'mic');
  },
};

// One of the three bars at the bottom: typing, recording, ready to send.
function bar(name, focus) {
  ['typing', 'recording', 'ready'].forEach((one) => { $(one).hidden = one !== name; });
  show();
  if ($(focus) && !$(focus).hidden) $(focus).focus();
}
