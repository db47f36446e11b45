"""Digital signatures of PDF files: certificates, signing, time stamps, check, trust; knows no page."""
