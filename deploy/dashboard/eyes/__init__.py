"""What was found in a reference beside its subject: mask, caption, pose, depth map and other control images."""
