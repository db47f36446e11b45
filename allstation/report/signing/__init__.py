"""Digital signatures of reports: certificates, signing, time stamps, check, trust."""
