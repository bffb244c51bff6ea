"""What a metric means: query to plan to SQL of a dialect."""
