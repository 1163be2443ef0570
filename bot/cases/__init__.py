"""Cases: requests and complaints that people follow up."""
