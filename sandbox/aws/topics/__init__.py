"""What SNS does beside ministack: which policies it takes, and who may publish."""
