"""A small synthetic world of talking faces, drawn and spoken by the project itself.

A person is two integers: one seed for the looks (`identity.Identity`), one for the voice
(`voice.Voice`). A random sentence of made-up words (`phones`) drives the lips and the sound; an
emotion (`emotions`) bends the brows, lids and mouth on one side and pitch, loudness, pace and
timbre on the other. `clip.make_clip` puts all of it together and `face.draw` paints any frame at
any size. Everything is a pure function of its seeds, so a pair of clips that differ only in the
emotion show the same person saying the same words, with the true answer known.

Nothing here is imported with the package: take what is needed from the modules.
"""
