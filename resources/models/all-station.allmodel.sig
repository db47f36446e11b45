{
 "kind": "allstation-signature",
 "schema": 1,
 "algorithm": "Ed25519",
 "key": "wqdd7hKf8a0hQqlyRTWuUUfvyE0qMvWQskcM59dQea4=",
 "name": "ALL Station development key (not a release)",
 "role": "release",
 "signature": "aIs6XA/lgJneRovnGFh2WI+S8mtHeD2RXSsuKrhkoHlTKxTcVPcHJey156xRd1Ho9ZEGFKK+b9We/t0u4VmSDg=="
}
