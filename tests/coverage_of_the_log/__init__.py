"""No act without a record: every address, admin page, command and service is walked, and what it writes is watched."""
