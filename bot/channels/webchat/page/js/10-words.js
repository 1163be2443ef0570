// The page's own words. What Segin says comes worded from the server.
const WORDS = {
  fr: {
    status: 'Un programme', writing: 'écrit…', offline: 'Pas de réseau',
    leave: 'Quitter', leave_more: 'efface de ce téléphone',
    banner: 'Démonstration : personne ne lit.',
    thread: 'Discussion', text: 'Écrivez ici', send: 'Envoyer le message', mic: 'Message vocal', attach: 'Envoyer une photo',
    attach_paper: 'Envoyer une photo ou un document', place: 'Envoyer ma position', my_place: 'Ma position',
    recording: 'Enregistrement', stop: 'Terminer', drop: 'Supprimer', play: 'Écouter', pause: 'Pause',
    voice: 'Message vocal', photo: 'Photo', document: 'Document', hear: 'Écouter ce message',
    done: 'Valider', choices: 'Choix', several: 'Plusieurs réponses possibles', down: 'Aller en bas',
    you: 'Vous :', wait: 'En attente', sent: 'Envoyé', no: 'Pas envoyé',
    later: 'Pas de réseau. Votre message partira tout seul.',
    busy: 'Le service est occupé. Votre message partira tout seul.',
    write_now: 'Pas de réseau. Vous pouvez déjà écrire.',
    short: 'Trop court. Recommencez et parlez plus longtemps.',
    mic_no: 'Le micro n’est pas permis. Vous pouvez écrire.',
    place_wait: 'Un moment…', place_no: 'Position introuvable. Écrivez le nom du lieu.',
    photo_no: 'Cette photo ne peut pas être lue. Essayez une autre.',
    big: 'Ce fichier est trop gros (5 Mo au plus).',
    lost: 'Pas envoyé. Recommencez, s’il vous plaît.',
    stuck: 'Le service n’a pas pu prendre ce message.', again: 'Réessayer',
  },
  en: {
    status: 'A program', writing: 'is writing…', offline: 'No network',
    leave: 'Leave', leave_more: 'erases from this phone',
    banner: 'Demonstration: nobody reads this.',
    thread: 'Conversation', text: 'Write here', send: 'Send the message', mic: 'Voice message', attach: 'Send a photo',
    attach_paper: 'Send a photo or a document', place: 'Send my location', my_place: 'My location',
    recording: 'Recording', stop: 'Finish', drop: 'Delete', play: 'Listen', pause: 'Pause',
    voice: 'Voice message', photo: 'Photo', document: 'Document', hear: 'Listen to this message',
    done: 'Done', choices: 'Choices', several: 'Several answers possible', down: 'Go to the end',
    you: 'You:', wait: 'Waiting', sent: 'Sent', no: 'Not sent',
    later: 'No network. Your message will go by itself.',
    busy: 'The service is busy. Your message will go by itself.',
    write_now: 'No network. You can write already.',
    short: 'Too short. Start again and speak longer.',
    mic_no: 'The microphone is not allowed. You can write.',
    place_wait: 'One moment…', place_no: 'Location not found. Write the name of the place.',
    photo_no: 'This photo cannot be read. Try another one.',
    big: 'This file is too big (5 MB at most).',
    lost: 'Not sent. Please try again.',
    stuck: 'The service could not take this message.', again: 'Try again',
  },
};

// A language the page has no words for is read with French buttons.
const spoken = () => (WORDS[Store.state.language] ? Store.state.language : 'fr');
const word = (key) => tied(WORDS[spoken()][key]);
