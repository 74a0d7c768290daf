"""What happens once a job has ended: commands, messages, and what becomes of its recording; out of the outbox."""
