"""What a command shows: lines and tables for people, JSON for programs, progress, and a report again and again."""
