{
 "kind": "allstation-signature",
 "schema": 1,
 "algorithm": "Ed25519",
 "key": "x/HJO/OA2IminWPLMw17+Xun/BS3ZUXG6DlMTyHPHKM=",
 "name": "ALL Station development key (not a release)",
 "role": "release",
 "signature": "jfkIPYQhGxRy/8cX3Eo742Dxn5VnwlHibFrmdY1SReIGs/UHDYH7kIE8RZcqXlJZTjjj7hqSw6QGMf2gZyetCQ=="
}
