"""What the dispatcher is compared with."""
