"""Makes the house's own certificate authority, and signing certificates under it. ECDSA on P-256."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS, SIGNING_DAYS = 30 * 365, 10 * 365
"""Lives of the certificates. Without trusted time a signature counts only while its certificate is valid."""
NAME = "DreamTuner house"
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def new_authority(name: str = NAME) -> tuple[bytes, bytes]:
    """Return the private key and the certificate of a new authority, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = _called(name, "own authority")
    made = _begun(called, called, key, AUTHORITY_DAYS)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    return _pem(key), made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def new_signing(authority_key: bytes, authority: bytes) -> tuple[bytes, bytes]:
    """Return the private key of a new signing certificate, and its chain up to the authority, in PEM."""
    issuer_key, issuer = load_pem_private_key(authority_key, None), x509.load_pem_x509_certificate(authority)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"the authority's key is a {type(issuer_key).__name__}; an elliptic-curve key is needed")
    key = ec.generate_private_key(ec.SECP256R1())
    [organisation] = issuer.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    made = _begun(_called(str(organisation.value), "signer of pictures"), issuer.subject, key, SIGNING_DAYS)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage("digital_signature"), critical=True)
    # C2PA wants a purpose: this one is in the lists of its readers
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    signed = made.add_extension(by, critical=False).sign(issuer_key, hashes.SHA256())
    return _pem(key), signed.public_bytes(Encoding.PEM) + authority


def fingerprint(certificates: str | bytes) -> str:
    """Return the SHA-256 of the last certificate of a chain in PEM, the authority's, 64 hex digits."""
    data = certificates.encode() if isinstance(certificates, str) else certificates
    return x509.load_pem_x509_certificates(data)[-1].fingerprint(hashes.SHA256()).hex()


def is_key_of(key: bytes, certificates: bytes) -> bool:
    """Return whether a private key is that of a chain's first certificate, both in PEM; False if one is damaged."""
    try:
        private = load_pem_private_key(key, None)
        certificate = x509.load_pem_x509_certificates(certificates)[0]
    except (ValueError, TypeError):
        return False
    return private.public_key() == certificate.public_key()


def expires(chain: str | bytes, *, authority: bool = False) -> datetime:
    """Return when the first certificate of a chain expires; with `authority` the last one."""
    data = chain.encode() if isinstance(chain, str) else chain
    return x509.load_pem_x509_certificates(data)[-1 if authority else 0].not_valid_after_utc


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - timedelta(days=1)  # clocks of readers may be slow
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(begin)
    made = made.not_valid_after(begin + timedelta(days=days))
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _called(organisation: str, name: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in allowed for name in _USAGES})


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
