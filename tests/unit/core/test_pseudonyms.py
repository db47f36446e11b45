"""Pseudonyms: keyed, new for each export, traced only with the secret."""

from __future__ import annotations

from allstation.core.pseudonyms import Pseudonyms, is_issued, new_secret, nonce_of, traced, traced_beginning

HASHES = [f"{number:064x}" for number in range(5)]


def test_two_exports_share_nothing_and_both_lead_back():
    secret = new_secret()
    one, other = Pseudonyms(secret), Pseudonyms(secret)
    codes = [{names.code(digest) for digest in HASHES} for names in (one, other)]
    assert len(codes[0] | codes[1]) == 10
    assert not codes[0] & set(HASHES)
    for names in (one, other):
        assert [traced(secret, names.code(digest), HASHES) for digest in HASHES] == HASHES
        assert is_issued(secret, names.case_id)
        assert nonce_of(names.case_id) == nonce_of(names.code(HASHES[0])) == names.nonce
    assert one.case_id != other.case_id


def test_without_the_secret_nothing_is_traced():
    names = Pseudonyms(new_secret())
    assert traced(new_secret(), names.code(HASHES[0]), HASHES) == ""
    assert not is_issued(new_secret(), names.case_id)
    assert str(names.secret.hex()) not in repr(names)


def test_a_beginning_leads_back_within_its_export_only():
    secret = new_secret()
    one, other = Pseudonyms(secret), Pseudonyms(secret)
    begun = one.code(HASHES[3])[:10]
    assert traced_beginning(secret, one.case_id, begun, HASHES) == HASHES[3]
    assert traced_beginning(secret, other.case_id, begun, HASHES) == ""
    assert traced_beginning(new_secret(), one.case_id, begun, HASHES) == ""
    assert traced_beginning(secret, one.case_id, begun[:7], HASHES) == "", "too short to be told apart"
    assert traced_beginning(secret, one.case_id, begun, [HASHES[3], HASHES[3]]) == ""


def test_what_is_no_pseudonym_is_none():
    for text in ("", "ALL-1", "15e08d1a-82e1-4021-b2b0-1a228c002c9c", "anon-12-34", "f" * 63, "F" * 64):
        assert nonce_of(text) == ""
        assert not is_issued(b"secret", text)
        assert traced(b"secret", text, HASHES) == ""
