"""Tells media from other content by the first bytes of a file. Pure.

A wrong guess does little harm: the decoder then rejects the file, and its job says so.
"""

import re

HEAD_BYTES = 512
"""How much of a file `is_media` looks at; two packets of an MPEG transport stream need the most."""

MPEG_RATES = bytes(
    rate << 4 | frequency << 2 | flags for rate in range(1, 15) for frequency in range(3) for flags in range(4)
)
"""The third byte of a frame of MPEG audio: values that mean no bit rate and no sample rate are left out."""

SIGNATURES = re.compile(
    rb"""
    (?: RIFF|RF64|BW64 ) .{4} (?: WAVE|AVI\  )          # wav and its 64-bit kinds, avi
    | riff\x2e\x91\xcf\x11                              # w64
    | FORM .{4} (?: AIFF|AIFC|8SVX ) | FRM8 .{8} DSD    # aiff, 8svx, dff
    | fLaC | OggS | ID3[\x02-\x04] | wvpk | TTA1 | tBaK | MAC\ .\x0f | MP\+[\x07\x17] | MPCK | DSD\ \x1c
    | \#!AMR | caff\x00 | \.snd\x00 | NIST_1A | FLV\x01 | \.RMF\x00 | \.ra\xfd
    | Creative\ Voice\ File | [\x02\x03]dss | EA3[\x01-\x03] | \x1f\x07\x00      # the last: dv
    | .{4} (?: moov|wide|mdat )                         # QuickTime without a type
    | .{4} ftyp (?! avi[fs] | hei[cfmsvx] | hev[cmsx] | mif1 | msf1 | crx | jp[2mx] )   # mp4, m4a, 3gp; no pictures
    | \x1aE\xdf\xa3                                     # matroska, webm
    | \x30\x26\xb2\x75\x8e\x66\xcf\x11                  # asf, wma, wmv
    | \x00\x00\x01\xba                                  # mpeg, vob
    | \x47 .{187} \x47 | .{4} \x47 .{191} \x47          # mpegts, m2ts
    | \x06\x0e\x2b\x34\x02\x05\x01\x01                  # mxf
    | \x0b\x77 | \x7f\xfe\x80\x01 | \xb7\xd8\x00\x20    # ac3 and eac3, dts, wtv
    | \x64\xa3[\x01-\x04]\x00                           # ircam
    | \xff [\xf0\xf1\xf8\xf9]                           # aac
    | \xff [\xe2\xe3\xf2-\xf5\xfa-\xfd] [%b]            # mp2, mp3
    """
    % re.escape(MPEG_RATES),
    re.VERBOSE | re.DOTALL,
)


def is_media(head: bytes) -> bool:
    """Return whether a file whose first `HEAD_BYTES` are these is probably a recording."""
    return SIGNATURES.match(head) is not None
