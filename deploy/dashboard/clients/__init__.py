"""What a client's link shows: watermarked previews, so many a minute."""
